"""The configuration: what it takes, and what it says where it does not."""

from pathlib import Path

import pytest
from mkdocs.config.base import ValidationError

from mkdocs_comfy.config import ComfyConfig
from mkdocs_comfy.pages.styles import Style
from mkdocs_comfy.settings import Api, Mode, OnMissing, RemoteSettings


def load(**options):
    config = ComfyConfig(config_file_path="/srv/site/mkdocs.yml")
    config.load_dict(options)
    return config, config.validate()


def problem(**options):
    _, (failed, _) = load(**options)
    assert len(failed) == 1
    key, error = failed[0]
    assert isinstance(error, ValidationError)
    assert key in options
    return str(error)


def settings(environ=None, **options):
    config, (failed, warnings) = load(**options)
    assert (failed, warnings) == ([], [])
    return config.settings(environ or {})


def test_the_defaults_are_for_a_comfyui_on_the_same_machine():
    given = settings()

    assert given.servers[0].url == "http://127.0.0.1:8188"
    assert not given.servers[0].explicit
    assert given.servers[0].headers == {}
    assert given.servers[0].verify is True
    assert given.servers[0].client_cert is None
    assert given.servers[0].proxy == "auto"
    assert given.template == "default"
    assert given.templates_dir == Path("/srv/site/comfy_templates")
    assert given.size is None
    assert given.mode is Mode.AUTO
    assert given.on_missing is OnMissing.WARN
    assert given.timeout == 600
    assert given.max_bytes == 64 * 2**20
    assert given.max_pixels == 50_000_000
    assert given.cache_dir == Path("/srv/site/.cache/plugin/comfy")
    assert given.assets_dir == "assets/heroes"
    assert given.place == "after_title"


@pytest.mark.parametrize(
    ("options", "attribute", "value"),
    [
        ({"size": "832x1216"}, "size", (832, 1216)),
        ({"timeout": 5}, "timeout", 5.0),
        ({"max_bytes": "500 kB"}, "max_bytes", 500_000),
        ({"max_bytes": 123}, "max_bytes", 123),
        ({"max_pixels": "8.3 MP"}, "max_pixels", 8_300_000),
        ({"cache_dir": "/var/cache/heroes"}, "cache_dir", Path("/var/cache/heroes")),
        ({"assets_dir": "/img/heroes/"}, "assets_dir", "img/heroes"),
        ({"place": "top"}, "place", "top"),
        ({"mode": "offline"}, "mode", Mode.OFFLINE),
    ],
)
def test_values_are_taken(options, attribute, value):
    assert getattr(settings(**options), attribute) == value


def test_styles_are_taken():
    given = settings(
        style=["brand", "night"],
        styles={"brand": {"suffix": "warm"}, "night": {"negative": "sun", "size": "64x64"}},
    )

    assert given.style == ("brand", "night")
    assert given.styles == {
        "brand": Style(suffix="warm"),
        "night": Style(negative="sun", size=(64, 64)),
    }
    assert (settings().style, settings().styles) == ((), {})


@pytest.mark.parametrize(
    ("value", "names"), [("brand", ("brand",)), ([], ()), (False, ()), ("none", ()), (None, ())]
)
def test_a_site_has_one_style_several_or_none(value, names):
    assert settings(style=value, styles={"brand": {}}).style == names


def test_all_that_is_wrong_with_styles_is_one_error():
    text = problem(styles={"a": {"seed": "x", "sufix": "warm"}, ".b": {}})

    assert [line for line in text.split("\n") if not line.startswith("    ")] == [
        "styles.a.seed: expected a whole number from 0 to 2**64 - 1, got 'x'"
    ]
    assert "\n    styles.a: unknown key 'sufix'; did you mean 'suffix'?" in text
    assert "\n    styles: '.b' is no name of a style" in text


def test_a_list_of_servers_is_a_pool():
    """An entry that is a mapping has its own credentials, and only these."""
    first, second, third = settings(
        server=[
            "http://a:8188",
            {"url": "https://b", "headers": {"X-Key": {"file": "b.txt"}}, "verify": "b.pem"},
            {"url": "https://c/comfy", "client_cert": ["c.pem", "c.key"]},
        ],
        headers={"Authorization": "Bearer for-all"},
        verify=False,
        client_cert="all.pem",
        proxy="http://proxy.lan",
    ).servers

    folder = Path("/srv/site")
    assert (first.url, first.headers) == ("http://a:8188", {"Authorization": "Bearer for-all"})
    assert (first.verify, first.client_cert) == (False, folder / "all.pem")
    assert (second.url, second.headers) == ("https://b", {"X-Key": folder / "b.txt"})
    assert (second.verify, second.client_cert) == (folder / "b.pem", None)
    assert (third.headers, third.verify) == ({}, True)
    assert third.client_cert == (folder / "c.pem", folder / "c.key")
    assert {each.proxy for each in (first, second, third)} == {"http://proxy.lan"}
    assert all(each.explicit for each in (first, second, third))


def test_a_server_with_access_of_its_own_gets_no_partner_key_of_others():
    mine = {"url": "https://cloud.comfy.org", "api": "v2", "partner_key": {"file": "mine"}}
    common = {"api": "comfyui", "partner_key": "ours"}

    servers = settings(server=["https://a.lan", {"url": "https://b.lan"}, mine], **common).servers

    assert [each.partner_key for each in servers] == ["ours", None, Path("/srv/site/mine")]
    assert [each.api for each in servers] == [Api.COMFYUI, Api.AUTO, Api.V2]
    assert "ours" not in repr(servers)


@pytest.mark.parametrize(
    ("options", "attribute", "value"),
    [
        ({"server": "https://gpu.lan/comfy"}, "url", "https://gpu.lan/comfy"),
        ({"server": "embedded"}, "embedded", True),
        ({"server": None}, "explicit", False),
        ({"verify": 0}, "verify", False),
        ({"verify": "ca.pem"}, "verify", Path("/srv/site/ca.pem")),
        ({"client_cert": "me.pem"}, "client_cert", Path("/srv/site/me.pem")),
        (
            {"client_cert": ["me.crt", "me.key"]},
            "client_cert",
            (Path("/srv/site/me.crt"), Path("/srv/site/me.key")),
        ),
        ({"proxy": False}, "proxy", "none"),
        ({"proxy": "http://proxy.lan:3128"}, "proxy", "http://proxy.lan:3128"),
        ({"headers": {"X-Key": "12"}}, "headers", {"X-Key": "12"}),
        ({"headers": {"X-Key": {"file": "k"}}}, "headers", {"X-Key": Path("/srv/site/k")}),
        ({"headers": {"X-Key": None}}, "headers", {"X-Key": None}),
        ({"headers": None}, "headers", {}),
        ({}, "api", Api.AUTO),
        ({"api": "v2"}, "api", Api.V2),
        ({"api": "comfyui"}, "api", Api.COMFYUI),
        ({}, "partner_key", None),
        ({"partner_key": "comfyui-1"}, "partner_key", "comfyui-1"),
        ({"partner_key": {"file": "k"}}, "partner_key", Path("/srv/site/k")),
    ],
)
def test_server_values_are_taken(options, attribute, value):
    assert getattr(settings(**options).servers[0], attribute) == value


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"server": "gpu.lan:8188"}, "http://127.0.0.1:8188"),
        ({"server": "ftp://gpu.lan"}, "embedded"),
        ({"server": "http://gpu.lan/?token=hush"}, "no query"),
        ({"server": "http://[broken"}, "URL"),
        ({"server": []}, "the list is empty"),
        ({"server": 8188}, "expected a URL, or `embedded`, got int"),
        ({"server": ["http://a", "embedded"]}, "entry 2 of the list: `embedded` stands alone"),
        ({"server": ["http://a", 1]}, "entry 2 of the list: expected a URL, got int"),
        ({"server": ["http://a", "gpu.lan"]}, "entry 2 of the list: expected a URL such as"),
        ({"server": ["http://a/", "http://x:hush@A"]}, "entries 1 and 2 of the list are the same"),
        ({"server": [{"headers": {}}]}, "entry 1 of the list: expected a `url`"),
        ({"server": [{"url": "http://a", "header": {}}]}, "'header'; did you mean `headers`?"),
        ({"server": [{"url": "http://a", "zzz": 1}]}, "takes url, headers, verify, client_cert"),
        ({"server": [{"url": "http://a", "verify": 2}]}, "entry 1 of the list: verify: expected"),
        ({"headers": "X-Key: 1"}, "mapping"),
        ({"headers": {"X Key": "1"}}, "name of a header"),
        ({"headers": {"X-Key": "hush\nhush"}}, "one line"),
        ({"headers": {"X-Key": ["hush"]}}, "file: path"),
        ({"headers": {"X-Key": True}}, "file: path"),
        ({"headers": {"X-Key": 83}}, "in quotes"),
        ({"verify": 2}, "CA file"),
        ({"api": "v1"}, "expected one of auto, comfyui, v2, got 'v1'"),
        ({"api": ["v2"]}, "expected one of"),
        ({"partner_key": 83}, "in quotes"),
        ({"partner_key": "hush\nhush"}, "one line"),
        ({"partner_key": {"file": "k", "hush": 1}}, "file: path"),
        ({"client_cert": ["one"]}, "certificate"),
        ({"proxy": "socks9://hush@x"}, "proxy.lan"),
        ({"proxy": "http://[x"}, "proxy.lan"),
        ({"template": "../evil"}, "name of a template"),
        ({"template": ".hidden"}, "name of a template"),
        ({"size": "1344x767"}, "multiple of 8"),
        ({"style": 5}, "the name of a style, or a list of names"),
        ({"style": "../a"}, "got '../a'"),
        ({"style": ["a", ["b"]]}, "got ['a', ['b']]"),
        ({"style": "brnad"}, "there is no style 'brnad' (this site has none)"),
        ({"styles": ["brand"]}, "expected a mapping of name to style, got ['brand']"),
        ({"styles": {"brand": {"size": "64x65"}}}, "styles.brand.size: expected width x height"),
        ({"mode": "refresh"}, "auto"),
        ({"on_missing": "panic"}, "placeholder"),
        ({"timeout": 0}, "seconds"),
        ({"timeout": True}, "seconds"),
        ({"max_bytes": "64 parsecs"}, "64 MiB"),
        ({"max_bytes": 0}, "64 MiB"),
        ({"max_pixels": "50 MB"}, "50 MP"),
        ({"max_time": 0}, "positive number of seconds"),
        ({"max_time": "an hour"}, "positive number of seconds"),
        ({"patience": -1}, "0 or more"),
        ({"patience": False}, "0 or more"),
        ({"retries": -1}, "from 0 to 100"),
        ({"retries": 1.5}, "from 0 to 100"),
        ({"retries": True}, "from 0 to 100"),
        ({"cache_dir": ""}, "folder"),
        ({"assets_dir": "../out"}, "assets/heroes"),
        ({"assets_dir": 5}, "assets/heroes"),
        ({"place": "left"}, "after_title"),
        ({"include": {"a": 1}}, "patterns"),
        ({"exclude": ["a[", 5]}, "patterns"),
        ({"enabled": "yes"}, "true or false"),
    ],
)
def test_bad_values_are_told_what_is_expected(options, words):
    text = problem(**options)

    assert words in text
    assert "hush" not in text


@pytest.mark.parametrize("key", ["widths", "social"])
def test_an_option_of_a_later_version_is_refused_by_name(key):
    _, (failed, warnings) = load(**{key: 1})

    assert [name for name, _ in failed] == [key]
    assert "no such option" in str(failed[0][1])
    assert warnings == []


def test_a_style_that_is_not_set_up_gets_a_suggestion():
    _, (failed, _) = load(style=["night", "brnad"], styles={"brand": {}, "night": {}})

    ((key, error),) = failed
    assert key == "style"
    assert "did you mean 'brand'? (there are: brand, night)" in str(error)


def test_the_size_of_a_style_is_bounded_by_max_pixels():
    _, (failed, _) = load(styles={"a": {"size": "1024x1024"}}, max_pixels="1 MP")

    ((key, error),) = failed
    assert key == "styles"
    assert "styles.a.size: expected at most 1,000,000 pixels" in str(error)
    assert settings(styles={"a": {"size": "8000x8000"}}, max_pixels="64 MP").styles


def test_a_misspelt_option_gets_a_suggestion():
    assert "did you mean `server`?" in problem(sever="http://gpu.lan")


@pytest.mark.parametrize(
    ("ci", "expected"), [("true", True), ("1", True), ("false", False), ("0", False), ("", False)]
)
def test_what_counts_as_ci(ci, expected):
    assert settings({"CI": ci}).ci is expected
    assert settings({"CI": ci}).silenced_by_ci is expected
    assert settings({"CI": ci}, server="http://gpu.lan").silenced_by_ci is False


@pytest.mark.parametrize(
    ("ci", "options", "expected"),
    [
        ("", {}, None),
        ("true", {}, 3600.0),
        ("true", {"max_time": 60}, 60.0),
        ("", {"max_time": 7200}, 7200.0),
    ],
)
def test_renders_of_a_build_are_bounded_in_ci(ci, options, expected):
    assert settings({"CI": ci}, **options).max_time == expected


def test_no_patience_and_no_retries_can_be_asked_for():
    given = settings({}, patience=0, retries=0)

    assert (given.patience, given.retries) == (0.0, 0)


def test_settings_show_no_secret():
    given = settings(
        server="http://u:hush@gpu.lan", headers={"X-Key": "hush"}, proxy="http://u:hush@proxy"
    )

    assert "hush" not in repr(given)


def test_include_and_exclude_are_gitignore_patterns():
    config, _ = load(include=["guide/", "*.md"], exclude="guide/old*\n")

    assert config.covers("guide/a.md")
    assert not config.covers("guide/old-a.md")
    assert config.covers("index.md")


def test_a_shared_cache_is_a_url_or_a_mapping():
    url = "s3://bucket/heroes"

    assert settings().cache_remote is None
    assert settings(cache_remote=url).cache_remote == RemoteSettings(url=url)
    full = {"url": url, "write": 1, "options": {"anon": True, "profile": None}}
    assert settings(cache_remote=full).cache_remote == RemoteSettings(
        url=url, write=True, options={"anon": True}
    )


@pytest.mark.parametrize("nothing", ["", None, {"url": ""}, {"url": None, "write": True}])
def test_a_shared_cache_may_be_left_to_the_environment(nothing):
    assert settings(cache_remote=nothing).cache_remote is None


@pytest.mark.parametrize(
    "url",
    [
        "file:///mnt/heroes",
        "https://user:pass@example.org/heroes?sig=x",
        "simplecache::s3://bucket/heroes",
        "abfs://container@account.dfs.core.windows.net/x",
    ],
)
def test_any_url_of_fsspec_is_taken(url):
    assert settings(cache_remote=url).cache_remote.url == url


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("/mnt/s3cret", "expected a URL such as s3://bucket/heroes"),
        ("s3://", "expected a URL"),
        ("https://exa mple.org/s3cret", "expected a URL"),
        (["s3://bucket"], "expected a URL"),
        (7, "expected a URL"),
        ({"write": True}, "expected a `url`"),
        ({"url": "s3://b/x", "wirte": True}, "unknown key 'wirte'; did you mean `write`?"),
        ({"url": "s3://b/x", "colour": 1}, "unknown key 'colour'; it takes url, write, options"),
        ({"url": "s3://b/x", "write": "maybe"}, "write: expected true or false"),
        ({"url": "https://s3cret@b/x", "write": True}, "nothing can be written to an https:// URL"),
        ({"url": "s3://b/x", "options": ["s3cret"]}, "options: expected a mapping"),
        ({"url": "s3://b/x", "options": {1: "s3cret"}}, "options: expected a mapping"),
    ],
)
def test_a_shared_cache_that_is_none_is_refused_and_not_quoted(value, said):
    found = problem(cache_remote=value)

    assert said in found
    assert "s3cret" not in found


def test_the_place_of_a_shared_cache_is_not_shown():
    """URLs and options may hold credentials."""
    given = settings(cache_remote={"url": "s3://s3cret@b/x", "options": {"secret": "s3cret"}})

    assert "s3cret" not in repr(given)


def test_offline_there_is_no_shared_cache():
    assert settings(cache_remote="s3://bucket", mode="offline").shared is None
    assert settings(cache_remote="s3://bucket").shared is not None
