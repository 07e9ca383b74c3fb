"""The texts in docs/errors.md are those that builds really give, and no other."""

import copy
import io
import json
import re
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from mkdocs_comfy.testing import Answer, NodeFailure

ROOT = Path(__file__).parents[1]
PAGE = "guide/harbour.md"
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}
GRAPH = json.loads((ROOT / "templates/default.json").read_text(encoding="utf-8"))
SD15, OTHER = "v1-5-pruned-emaonly.safetensors", "dreamshaper_8.safetensors"


def quoted(page):
    """The texts that a page of the documentation quotes."""
    source = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```text\n(.*?)\n```$", source, re.MULTILINE | re.DOTALL)


def told(site, comfyui):
    """Everything that a build says, as the page quotes it."""
    built = site.build()
    replaced = {
        comfyui.url: "http://127.0.0.1:8188",
        str(site.root / "file/cache"): "CACHE",
        (site.root / "shared").as_uri(): "file:///mnt/heroes",
        "Config value 'plugins': ": "",
    }
    texts = set()
    for record in built.records:
        text = re.sub(r"^comfy: (\d\d:\d\d:\d\d )?", "", record.getMessage())
        for found, shown in replaced.items():
            text = text.replace(found, shown)
        text = re.sub(r"heroes/[0-9a-f]{16}", "heroes/STEM", text)
        texts.add(re.sub(r"k1-[0-9a-f]{64}", "KEY", text))
    return texts


# How each fault is brought about: functions of the site and the fake server ----------------------


def answers(route="*", **answer):
    return lambda _, comfyui: comfyui.answer(route, Answer(**answer))


def knob(**values):
    def turn(_, comfyui):
        for name, value in values.items():
            setattr(comfyui, name, value)

    return turn


def options(**values):
    return lambda site, _: site.options.update(values)


def asks(**meta):
    return lambda site, _: site.page(PAGE, **{"hero_prompt": "a foggy harbour", **meta})


def writes(front):
    return lambda site, _: site.raw(PAGE, f"---\n{front}\n---\n# A title\n")


def section(front):
    def inherit(site, _):
        site.raw("guide/.meta.yml", front)
        site.config["plugins"] = ["material/meta"]

    return inherit


def both(*steps):
    def take(site, comfyui):
        for step in steps:
            step(site, comfyui)

    return take


def behind_the_server(site, comfyui):
    """A proxy for plain HTTP is asked as a server is."""
    site.options |= {"server": "http://gpu.example.org", "proxy": comfyui.url}


def v2(status, code, message):
    """A server of Comfy API v2 that refuses everything."""
    body = json.dumps({"error": {"code": code, "message": message, "details": None}}).encode()
    headers = {**JSON, "Retry-After": "120"}
    return both(options(api="v2"), answers("/v2", status=status, headers=headers, body=body))


def stopped(_, comfyui):
    comfyui.stop()


def crashes(_, comfyui):
    comfyui.crash_when("running")


def while_it_runs(act):
    """Hold the job, and do something to the server once it has it."""

    def arrange(_, comfyui):
        def later():
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                if any(request.route == "/queue" for request in comfyui.requests):
                    act(comfyui)
                    return
                time.sleep(0.01)

        comfyui.hold()
        threading.Thread(target=later, daemon=True).start()

    return arrange


def interrupts(comfyui):
    comfyui.interrupt(comfyui.submissions[0]["prompt_id"])


def without_node(_, comfyui):
    del comfyui.nodes["VAEDecode"]


def file_in_the_way(site, _):
    (site.root / "file").write_text("")
    site.options["cache_dir"] = "file/cache"


def in_ci(site, _):
    del site.options["server"]


def frozen(site, _):
    """Render the one hero and freeze it, then go where no server is."""
    site.build()
    site.freeze()
    site.options["mode"] = "offline"


def spoiled(suffix, text):
    def write(site, _):
        (file,) = (site.root / "heroes").glob(f"*{suffix}")
        file.write_text(text)

    return write


def square(_, comfyui):
    file = io.BytesIO()
    Image.new("RGB", (512, 512), "teal").save(file, "PNG")
    comfyui.picture = file.getvalue()


def template(text, toml=None, name="mine"):
    def put(site, _):
        folder = site.root / "comfy_templates"
        folder.mkdir()
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
        if toml is not None:
            (folder / f"{name}.toml").write_text(toml, encoding="utf-8")
        site.options["template"] = name

    return put


def graph(**nodes):
    """The built-in graph with nodes replaced, added or (``None``) removed."""
    changed = copy.deepcopy(GRAPH)
    for name, node in nodes.items():
        changed.pop(name.removeprefix("n"), None)
        if node is not None:
            changed[name.removeprefix("n")] = node
    return json.dumps(changed)


def node(base=None, title=None, kind=None, **inputs):
    made = copy.deepcopy(GRAPH[base]) if base else {"class_type": kind, "inputs": {}}
    made["inputs"] |= inputs
    if title:
        made["_meta"] = {"title": title}
    return made


TWO_PROMPTS = graph(
    n6=node("6", title="Scene"),
    n20=node("6", title="Look", text="oil painting, warm light"),
    n21=node(kind="ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["20", 0]),
    n3=node("3", positive=["21", 0]),
)
TWO_OUTPUTS = graph(
    n11=node(kind="ImageInvert", image=["8", 0]),
    n10=node("9", title="Save Draft", images=["11", 0]),
)
NO_SIZE = graph(
    n5=node(kind="LoadImage", image="a.png"),
    n12=node(kind="VAEEncode", pixels=["5", 0], vae=["4", 2]),
    n3=node("3", latent_image=["12", 0]),
)
NO_NEGATIVE = graph(n7=node(kind="ConditioningZeroOut", conditioning=["6", 0]))
SAME = json.dumps(GRAPH)


def shared(site):
    """A folder that is shared."""
    folder = site.root / "shared"
    (folder / "v1").mkdir(parents=True)
    site.options["cache_remote"] = folder.as_uri()
    return folder


def poisoned(site, _):
    records = shared(site) / "v1/records"
    site.build()
    for record in records.iterdir():
        record.write_text("poison")
    shutil.rmtree(site.root / ".cache")


def in_the_way(site, _):
    (shared(site) / "v1/images").write_text("")


CASES = {
    "refused connection": stopped,
    "unknown name": options(server="http://gpu.invalid:8188", proxy="none"),
    "dead proxy": options(server="http://gpu.example.org", proxy="http://proxy.invalid:3128"),
    "proxy 407": both(answers(status=407), behind_the_server),
    "502": answers(status=502),
    "crash": both(options(patience=0.2), crashes),
    "HTML": answers(headers=HTML, body=b"<html><title>My NAS</title>"),
    "JSON": answers(headers=JSON, body=b'{"name": "ollama"}'),
    "404": answers(status=404),
    "https": answers(status=301, headers={"Location": "https://127.0.0.1/api/system_stats"}),
    "401": answers(status=401),
    "403": both(answers(status=403), options(headers={"Authorization": "Bearer the-token"})),
    "login": answers(status=302, headers={"Location": "https://login.example.org/start"}),
    "header unset": options(headers={"Authorization": None}),
    "header file": options(headers={"Authorization": {"file": "token.txt"}}),
    "429": answers("/prompt", status=429, headers={"Retry-After": "120"}, body=b"queue full"),
    "402": answers("/prompt", status=402),
    "v2 no API": options(api="v2"),
    "v2 401": v2(401, "unauthorized", "Invalid token."),
    "v2 403": both(
        v2(403, "forbidden", "This plan has no access."),
        options(headers={"Authorization": "Bearer the-token"}),
    ),
    "v2 402": v2(402, "insufficient_credits", "0 credits left"),
    "v2 429": v2(429, "rate_limited", "slow down"),
    "v2 stopped": v2(422, "deployment_stopped", "the deployment is stopped"),
    "v2 503": both(options(patience=0.2), v2(503, "upstream_unreachable", "Could not reach")),
    "partner_key": options(server="http://gpu.lan:8188", partner_key="comfyui-k"),
    "partner_key file": options(partner_key={"file": "key.txt"}),
    "rejected": asks(hero_params={"steps": 100_000}),
    "other model": knob(models={"checkpoints": [SD15, OTHER]}),
    "no model": knob(models={"checkpoints": []}),
    "no node": without_node,
    "failure": knob(
        fail_with=NodeFailure(node="KSampler", message="mat1 and mat2 shapes cannot be multiplied")
    ),
    "memory": knob(
        fail_with=NodeFailure(
            node="KSampler",
            exception_type="torch.OutOfMemoryError",
            message="CUDA out of memory. Tried to allocate 2.25 GiB",
        )
    ),
    "interrupted": while_it_runs(interrupts),
    "restarted": both(options(retries=0), while_it_runs(lambda comfyui: comfyui.restart())),
    "no image": knob(without_images=True),
    "image gone": answers("/view", status=404),
    "timeout": both(options(timeout=0.3), lambda _, comfyui: comfyui.hold()),
    "max_time": both(options(max_time=0.3), lambda _, comfyui: comfyui.hold()),
    "web page": knob(picture=b"<!doctype html><title>Login</title>"),
    "bytes": both(knob(endless=True), options(max_bytes="100 kB")),
    "pixels": options(max_pixels="1 MP"),
    "offline": options(mode="offline"),
    "CI": in_ci,
    "cache": file_in_the_way,
    "stale": both(frozen, asks(hero_prompt="a harbour in the evening")),
    "pin not found": asks(hero_pin="k1-" + "7" * 64),
    "LFS": both(frozen, spoiled(".webp", "version https://git-lfs.github.com/spec/v1\n")),
    "conflict": both(frozen, spoiled(".json", "<<<<<<< HEAD\n")),
    "pin": asks(hero_pin="cafe"),
    "no aiohttp": options(server="embedded"),
    "seed": asks(hero_seed="lucky"),
    "quoted seed": asks(hero_seed="7"),
    "size": asks(hero_size="1340x768"),
    "place": asks(hero_place="below"),
    "alt": asks(hero_alt=3),
    "params": asks(hero_params="steps=3"),
    "template name": asks(hero_template="../x"),
    "empty": writes("hero_prompt:"),
    "control character": writes('hero_prompt: "a\\x07bell"'),
    "description": writes("hero_prompt: '{description}'"),
    "hero": asks(hero=True),
    "near miss": asks(hero_sed=3),
    "later key": asks(hero_caption="The harbour"),
    "no YAML": writes("hero_prompt: a harbour: foggy"),
    "unknown parameter": asks(hero_params={"stesp": 30}),
    "wrong parameter": asks(hero_params={"steps": "many"}),
    "style parameter": both(
        asks(hero_style="brand"), options(styles={"brand": {"params": {"stesp": 30}}})
    ),
    "no such style": both(asks(hero_style="brnad"), options(styles={"brand": None, "night": None})),
    "unlike inherited": both(asks(hero_style=["brand"]), section("hero_style: brand")),
    "choice": asks(hero_prompt="a {red|blue} harbour"),
    "no size": both(asks(hero_size="1344x768"), template(NO_SIZE)),
    "no negative": both(asks(hero_negative="people"), template(NO_NEGATIVE)),
    "no such template": asks(hero_template="defualt"),
    "UI format": template('{"nodes": [], "links": []}'),
    "wrapper": template('{"prompt": {"1": {"class_type": "SaveImage", "inputs": {}}}}'),
    "no JSON": template("{nope"),
    "no graph": template("[]"),
    "cycle": template(graph(n3=node("3", model=["8", 0]))),
    "link to nowhere": template(graph(n9=node("9", images=["77", 0]))),
    "no output": template(graph(n9=None)),
    "two prompts": template(TWO_PROMPTS),
    "two outputs": template(TWO_OUTPUTS),
    "TOML key": template(SAME, "sizes = '1344x768'"),
    "TOML size": template(SAME, 'size = "1340x768"'),
    "TOML target": template(SAME, '[parameters.prompt]\nto = ["Promt.text"]'),
    "TOML output": template(SAME, 'output = "Savee"'),
    "option": options(sever="http://127.0.0.1:8188"),
    "option server": options(server="gpu:8188"),
    "option headers": options(headers={"X-API-Key": ["a", "b"]}),
    "option size": options(size="1340x768"),
    "option timeout": options(timeout="soon"),
    "option max_bytes": options(max_bytes="big"),
    "option api": options(api="v1"),
    "option partner_key": options(partner_key=["a", "b"]),
    "option proxy": options(proxy="somewhere"),
    "option template": options(template="my template"),
    "option style": options(style="brnad", styles={"brand": None, "night": None}),
    "option styles": options(styles={"brand": {"seed": "lucky", "sufix": "warm"}}),
    "option assets_dir": options(assets_dir="../heroes"),
    "shape": square,
    "shared cache away": options(cache_remote="file:///nowhere/heroes"),
    "shared cache without driver": options(cache_remote="gs://heroes/site"),
    "shared cache poisoned": poisoned,
    "shared cache cannot be written": in_the_way,
}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_told_as_documented(site, comfyui, monkeypatch, case):
    if case == "CI":
        monkeypatch.setenv("CI", "true")
    if case == "no aiohttp":
        for name in [name for name in sys.modules if name.startswith("mkdocs_comfy.testing.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "aiohttp", None)
    asks()(site, comfyui)
    CASES[case](site, comfyui)

    texts = told(site, comfyui)
    assert len(texts & set(quoted("errors.md"))) == 1, "\n\n".join(sorted(texts))


def test_every_quoted_text_has_a_case():
    texts = quoted("errors.md")

    assert len(texts) == len(set(texts)) == len(CASES)


def test_the_templates_page_quotes_the_ambiguity_as_it_is(site, comfyui):
    asks()(site, comfyui)
    template(TWO_PROMPTS, name="harbour")(site, comfyui)

    assert told(site, comfyui) & set(quoted("templates.md"))
