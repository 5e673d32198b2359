"""Providers are asked through the proxies that the environment names, unless the operator says no."""

import pytest
from aiohttp import web

from proxy.errors import ConfigError, UpstreamError
from proxy.upstream import library
from proxy.upstream.lanes import Lanes
from proxy.upstream.models import models_from_list
from proxy.upstream.session import Proxies
from tests.doubles.upstream import Book, whole

pytestmark = pytest.mark.anyio

NAMED = {"http": "http://proxy.test:3128", "https": "http://secure.test:3128"}


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_each_scheme_has_its_proxy_and_all_stands_in():
    assert Proxies(NAMED).of("http://a.test/v1") == NAMED["http"]
    assert Proxies(NAMED).of("https://a.test/v1") == NAMED["https"]
    assert Proxies({"all": "http://any.test"}).of("https://a.test/v1") == "http://any.test"
    assert not Proxies({})


@pytest.mark.parametrize("host", ["localhost:1234", "127.0.0.1:8080", "[::1]:8080", "127.9.9.9", "llm.localhost"])
def test_this_machine_is_asked_directly(host):
    assert Proxies(NAMED).of(f"http://{host}/v1") is None


def test_hosts_without_a_proxy_are_asked_directly(monkeypatch):
    monkeypatch.setenv("no_proxy", "inner.test,.corp.test")
    proxies = Proxies(NAMED)
    assert [proxies.of(f"http://{host}/v1") for host in ("inner.test", "a.corp.test", "a.test")] == [
        None,
        None,
        NAMED["http"],
    ]


def test_a_proxy_of_another_kind_is_refused_at_the_start():
    with pytest.raises(ConfigError, match="trust_env"):
        Proxies({"all": "socks5://proxy.test"})
    assert Proxies({"all": "socks5://proxy.test", **NAMED})


@pytest.fixture
async def forwarding():
    """A proxy that answers in place of whom it is asked for; its address, and whom that was."""
    asked = []

    async def answer(request):
        asked.append(str(request.url))
        return web.json_response(whole(Book(), {"model": "m", "messages": [], **await request.json()}, {"do": "plain"}))

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", asked
    await runner.cleanup()


@pytest.mark.parametrize("lane", ["native", "raw", "litellm"])
@pytest.mark.parametrize("trust_env", [True, False])
async def test_a_provider_is_asked_through_it_on_every_lane(forwarding, ask, monkeypatch, lane, trust_env):
    address, asked = forwarding
    monkeypatch.setenv("http_proxy", address)
    await library.warm(rehearsed=True)
    await library.close()
    params = {"model": "openai/m", "api_base": "http://provider.invalid/v1", "api_key": "k"}
    entry = {"model_name": "m", "litellm_params": params, "model_info": {"lane": lane}}
    lanes = Lanes(models_from_list([entry], {}), trust_env=trust_env)
    await lanes.warm()
    try:
        if trust_env:
            [answer] = await ask(lanes)
            assert answer["object"] == "chat.completion"
            assert asked == ["http://provider.invalid/v1/chat/completions"]
        else:
            with pytest.raises(UpstreamError, match="cannot be reached"):
                await ask(lanes)
            assert asked == []
    finally:
        await lanes.close()
