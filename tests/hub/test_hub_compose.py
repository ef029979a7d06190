"""The compose file and the settings that belong to it: who reaches whom, and with which rights."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import pytest
import yaml
from imagine_hub.configuration import configure
from imagine_hub.network import proxy_addresses, proxy_command
from imagine_hub.proxy.__main__ import main as run_proxy
from imagine_hub.settings import REPOSITORY, Settings, read_settings
from traitlets.config import Config

from imagine_kernels import __version__

HUB = REPOSITORY / "hub"
OWN = ("proxy", "hub")

# What a hub asked of the engine while servers were started, watched and stopped, by method and path.
ASKED = (
    ("GET", "/version"),
    ("GET", "/_ping"),
    ("GET", "/v1.41/containers/imagine-ada/json"),
    ("GET", "/v1.41/containers/json"),
    ("GET", f"/v1.41/containers/{'0a' * 32}/stats"),
    ("GET", "/v1.41/images/imagine-cpu:0.1.0/json"),
    ("GET", "/v1.41/images/registry.example.org/imagine/imagine-cpu@sha256:" + "0" * 64 + "/json"),
    ("GET", "/v1.41/networks/imagine-servers"),
    ("GET", "/v1.41/system/df"),
    ("POST", "/v1.41/containers/create"),
    ("POST", f"/v1.41/containers/{'0a' * 32}/start"),
    ("POST", f"/v1.41/containers/{'0a' * 32}/stop"),
    ("DELETE", f"/v1.41/containers/{'0a' * 32}"),
)
FORBIDDEN = (
    ("POST", "/v1.41/containers/imagine-ada/exec"),
    ("POST", f"/v1.41/exec/{'0a' * 32}/start"),
    ("POST", "/v1.41/containers/imagine-ada/attach"),
    ("PUT", "/v1.41/containers/imagine-ada/archive"),
    ("GET", "/v1.41/containers/imagine-ada/archive"),
    ("POST", "/v1.41/images/create"),
    ("POST", "/v1.41/build"),
    ("POST", "/v1.41/swarm/init"),
    ("GET", "/v1.41/secrets"),
    ("POST", "/v1.41/networks/create"),
    ("DELETE", "/v1.41/volumes/imagine-home-ada"),
    ("DELETE", "/v1.41/images/imagine-cpu:0.1.0"),
    ("POST", "/v1.41/plugins/pull"),
)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((HUB / "compose.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def settings() -> Settings:
    return read_settings(HUB / "compose.toml", {})


def networks(service: dict[str, Any]) -> set[str]:
    return set(service["networks"])


def test_the_servers_reach_hub_and_proxy_and_nothing_else(compose: dict[str, Any], settings: Settings) -> None:
    servers = compose["networks"]["servers"]
    assert servers["internal"] is True
    assert servers["name"] == settings.containers.network
    assert servers["ipam"]["config"][0]["subnet"] == settings.containers.subnet
    assert {name for name, service in compose["services"].items() if "servers" in networks(service)} == set(OWN)


def test_only_the_hub_reaches_database_and_engine(compose: dict[str, Any]) -> None:
    for name in ("database", "engine"):
        (only,) = networks(compose["services"][name])
        assert compose["networks"][only]["internal"] is True
        assert {other for other, service in compose["services"].items() if only in networks(service)} == {"hub", name}


def test_only_the_proxy_is_published(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"proxy": ["443:443", "80:80"]}


def test_the_interface_of_the_proxy_is_not_in_the_servers_network(compose: dict[str, Any], settings: Settings) -> None:
    words = dict(word[2:].split("=", 1) for word in compose["services"]["proxy"]["command"] if word.startswith("--"))
    address = ipaddress.ip_address(words["api-ip"])
    assert address not in ipaddress.ip_network(settings.containers.subnet)
    assert str(address) == compose["services"]["proxy"]["networks"]["routes"]["ipv4_address"]
    assert address in ipaddress.ip_network(compose["networks"]["routes"]["ipam"]["config"][0]["subnet"])
    # A name that means this address only: "proxy" would mean that in any network which the two share.
    (name,) = compose["services"]["proxy"]["networks"]["routes"]["aliases"]
    assert settings.network.proxy_api == f"http://{name}:{words['api-port']}"
    assert settings.network.services_address == compose["services"]["hub"]["networks"]["routes"]["ipv4_address"]


def test_the_proxy_is_started_as_the_hub_would_start_it(compose: dict[str, Any], settings: Settings) -> None:
    given = compose["services"]["proxy"]["command"]
    wanted = [*proxy_command(settings)[1:], *proxy_addresses(settings)]
    differ = ("--api-ip", "--api-port", "--redirect-port", "--message-mb", "--upload-mb", "--log-level")
    left = {word for word in wanted if not word.startswith(differ)}
    assert left <= {*given}
    assert {word.split("=")[0] for word in given} <= set(_options_of_the_proxy()) | {"python", "-m", "imagine_hub.proxy"}


def test_the_line_for_names_of_users_is_one_of_the_proxy_s(settings: Settings) -> None:
    named = settings.replace("network", subdomain_host=settings.network.public_url)
    (word,) = {*proxy_addresses(named)} - {*proxy_addresses(settings)}
    assert word in _options_of_the_proxy()
    assert f"      # - {word}\n" in (HUB / "compose.yaml").read_text(encoding="utf-8")


def _options_of_the_proxy() -> list[str]:
    import contextlib
    import io

    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit, match="0"):
        run_proxy(["--help"])
    return re.findall(r"--[a-z-]+", said.getvalue())


@pytest.mark.parametrize("name", ["proxy", "hub", "engine"])
def test_rights_are_the_least(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_the_database_has_only_what_its_start_needs(compose: dict[str, Any]) -> None:
    database = compose["services"]["database"]
    assert (database["read_only"], database["cap_drop"]) == (True, ["ALL"])
    assert "SYS_ADMIN" not in database["cap_add"]
    assert database["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/database_password"


def test_every_part_is_watched_limited_and_started_again(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"
        assert service["mem_limit"]
        assert service["logging"]["options"]["max-size"]


def test_images_are_exact(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        name, _, tag = service["image"].rpartition(":")
        assert name
        assert re.search(r"\d+\.\d+", tag)
    assert {compose["services"][name]["image"] for name in OWN} == {f"imagine-hub:{__version__}"}


def test_no_secret_stands_in_the_file(compose: dict[str, Any]) -> None:
    text = (HUB / "compose.yaml").read_text(encoding="utf-8") + (HUB / "compose.toml").read_text(encoding="utf-8")
    assert "postgresql+pg8000://" not in text
    assert all(secret["file"].startswith("./secrets/") for secret in compose["secrets"].values())
    assert compose["services"]["database"]["secrets"] == ["database_password"]
    assert set(compose["services"]["proxy"]["secrets"]) == {"CONFIGPROXY_AUTH_TOKEN"}
    assert "environment" not in compose["services"]["hub"]


def test_only_the_filter_has_the_engine_s_socket(compose: dict[str, Any], settings: Settings) -> None:
    holders = [name for name, service in compose["services"].items() if "docker.sock" in str(service.get("volumes"))]
    assert holders == ["engine"]
    assert settings.containers.engine == "tcp://engine:2375"


def allowed(compose: dict[str, Any], method: str, path: str) -> bool:
    """Whether the filter lets a request through: it compares the whole path."""
    rules = [word.split("=", 1)[1] for word in compose["services"]["engine"]["command"] if word.startswith(f"-allow{method}=")]
    return any(re.fullmatch(rule, path) for rule in rules)


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_the_filter_lets_through_what_the_hub_asks(compose: dict[str, Any], method: str, path: str) -> None:
    assert allowed(compose, method, path)


@pytest.mark.parametrize(("method", "path"), FORBIDDEN)
def test_the_filter_stops_everything_else(compose: dict[str, Any], method: str, path: str) -> None:
    assert not allowed(compose, method, path)


def test_folders_of_the_host_are_those_that_servers_get(compose: dict[str, Any], settings: Settings) -> None:
    (rule,) = [word for word in compose["services"]["engine"]["command"] if word.startswith("-allowbindmountfrom=")]
    folders = rule.split("=")[1].split(",")
    assert f"{settings.state.folder}/usage" in folders
    # Neither the database's secrets nor the hub's own state.
    assert settings.state.folder not in folders
    # The engine looks for the folder on the host: the path must be the same in the hub's container.
    assert f"{settings.state.folder}:{settings.state.folder}" in compose["services"]["hub"]["volumes"]


def test_the_settings_configure_a_hub(settings: Settings) -> None:
    c = Config()
    configure(c, settings, password="only-for-this-test")
    assert c.JupyterHub.hub_connect_url == "http://hub:8081"
    assert c.ConfigurableHTTPProxy.should_start is False
    assert c.ConfigurableHTTPProxy.api_url == "http://proxy-api:8001"
    assert c.JupyterHub.cleanup_servers is False
    assert c.DockerSpawner.network_name == "imagine-servers"
    assert settings.containers.image == f"imagine-cpu:{__version__}"
