import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.testing.tracing import Picture, picture_of


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def test_a_sampler_graph(txt2img):
    graph = txt2img(7, prompt="a harbour", steps=30, size=(64, 32))

    assert picture_of(graph, "9") == Picture(
        prompt="a harbour", negative="text, watermark", seed=7, steps=30, size=(64, 32)
    )


def flux():
    return {
        "6": node("CLIPTextEncodeFlux", clip=["1", 0], clip_l="fog", t5xxl="fog", guidance=3.5),
        "7": node("FluxGuidance", conditioning=["6", 0], guidance=4.0),
        "10": node("RandomNoise", noise_seed=99),
        "11": node("BasicGuider", model=["1", 0], conditioning=["7", 0]),
        "12": node("BasicScheduler", model=["1", 0], scheduler="simple", steps=9, denoise=1.0),
        "13": node("EmptySD3LatentImage", width=["20", 0], height=48, batch_size=2),
        "14": node(
            "SamplerCustomAdvanced",
            noise=["10", 0],
            guider=["11", 0],
            sampler=["15", 0],
            sigmas=["12", 0],
            latent_image=["13", 0],
        ),
        "15": node("KSamplerSelect", sampler_name="euler"),
        "16": node("VAEDecode", samples=["14", 0], vae=["1", 0]),
        "17": node("SaveImage", images=["16", 0], filename_prefix="x"),
        "20": node("PrimitiveInt", value=80),
    }


def test_a_graph_of_many_small_nodes():
    """Guider, noise and scheduler apart; the width over a link; one text in two encoders."""
    assert picture_of(flux(), "17") == Picture(
        prompt="fog", negative="", seed=99, steps=9, size=(80, 48), count=2
    )


def test_a_guider_with_two_conditionings():
    graph = flux()
    graph["11"] = node("CFGGuider", positive=["7", 0], negative=["8", 0], cfg=3.0)
    graph["8"] = node("CLIPTextEncode", text="blur", clip=["1", 0])

    assert picture_of(graph, "17").negative == "blur"


def test_a_negative_that_is_zeroed_out_is_none(txt2img):
    graph = txt2img()
    graph["7"] = node("ConditioningZeroOut", conditioning=["6", 0])

    assert picture_of(graph, "9").negative == ""


def test_texts_that_are_combined_and_linked(txt2img):
    graph = txt2img()
    graph["6"] = node("ConditioningCombine", conditioning_1=["a", 0], conditioning_2=["b", 0])
    graph["a"] = node("CLIPTextEncode", text=["c", 0], clip=["4", 1])
    graph["b"] = node("CLIPTextEncode", text="at dusk", clip=["4", 1])
    graph["c"] = node("PrimitiveString", value="a lighthouse")

    assert picture_of(graph, "9").prompt == "a lighthouse, at dusk"


def test_the_size_next_to_the_output_counts(txt2img):
    graph = txt2img(size=(64, 64))
    graph["s"] = node("ImageScale", image=["8", 0], width=32, height=16)
    graph["9"]["inputs"]["images"] = ["s", 0]

    assert picture_of(graph, "9").size == (32, 16)


def test_a_scale_that_keeps_the_ratio_does_not_count(txt2img):
    graph = txt2img(size=(64, 32))
    graph["s"] = node("ImageScale", image=["8", 0], width=32, height=0)
    graph["9"]["inputs"]["images"] = ["s", 0]

    assert picture_of(graph, "9").size == (64, 32)


def test_the_sampler_next_to_the_output_counts(txt2img):
    """Two passes: the second one's seed, the first one's latent."""
    graph = txt2img(1)
    graph["30"] = node("LatentUpscale", samples=["3", 0], width=512, height=256)
    graph["31"] = {
        "class_type": "KSampler",
        "inputs": graph["3"]["inputs"] | {"seed": 2, "steps": 5, "latent_image": ["30", 0]},
    }
    graph["8"]["inputs"]["samples"] = ["31", 0]

    found = picture_of(graph, "9")

    assert (found.seed, found.steps, found.size) == (2, 5, (512, 256))


@pytest.mark.parametrize("switched_off", ["disable", False])
def test_a_stage_that_adds_no_noise_has_no_say_in_the_seed(txt2img, switched_off):
    graph = txt2img(7, steps=4)
    second = {**graph["3"]["inputs"], "add_noise": switched_off, "latent_image": ["3", 0]}
    graph["30"] = node("KSamplerAdvanced", **{**second, "noise_seed": 0})
    graph["8"]["inputs"]["samples"] = ["30", 0]
    del graph["30"]["inputs"]["seed"]

    assert picture_of(graph, "9").seed == 7


def test_a_plain_picture(plain):
    graph = plain(colour=0x123456, size=(8, 4), count=3)

    assert picture_of(graph, "2") == Picture(colour=0x123456, size=(8, 4), count=3)


def test_a_node_that_makes_pictures_by_itself():
    """A partner node: prompt and seed stand on it, there is no sampler."""
    graph = {
        "1": node("SomebodysImageNode", prompt="a fjord", seed=3, width=32, height=16),
        "2": node("SaveImage", images=["1", 0], filename_prefix="x"),
    }

    assert picture_of(graph, "2") == Picture(prompt="a fjord", seed=3, size=(32, 16))


@pytest.mark.parametrize("inputs", [{}, {"image": "harbour.png"}])
def test_nothing_to_go_by_gives_a_picture_all_the_same(inputs):
    graph = {"1": node("LoadImage", **inputs), "2": node("SaveImage", images=["1", 0])}

    assert picture_of(graph, "2") == Picture()


@given(
    prompt=st.text(),
    seed=st.integers(0, 2**64 - 1),
    size=st.tuples(st.integers(16, 4096), st.integers(16, 4096)),
)
def test_prompt_seed_and_size_arrive(txt2img, prompt, seed, size):
    found = picture_of(txt2img(seed, prompt=prompt, size=size), "9")

    assert (found.prompt, found.seed, found.size) == (prompt, seed, size)
