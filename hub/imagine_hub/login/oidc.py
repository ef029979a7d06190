"""Log-in at an institution: OpenID Connect with the authorization code flow and PKCE.

The hub keeps no token of the provider. Encrypted in its database lie who the person is there (issuer and ``sub``) and the groups that the
provider named at the last login; besides, for all pages, the name to show and the country.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote_plus, urlencode

import jwt
from jupyterhub.handlers.login import LoginHandler
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthLogoutHandler
from tornado import web
from tornado.httpclient import HTTPClientError
from traitlets import Bool, Instance, Set, Unicode
from traitlets.config import Config

from imagine_hub.login.claims import country_in, display_in, groups_in, hub_name
from imagine_hub.login.guarded import GuardedAuthenticator
from imagine_hub.login.people import People
from imagine_hub.login.people_page import PeoplePage
from imagine_hub.login.provider import Provider, check_settings, discover, named_users, read_secret
from imagine_hub.login.trial import asked_by_the_trial
from imagine_hub.network import public_address
from imagine_hub.settings import Oidc, Settings
from imagine_hub.state import StateFolder, kept_secret

# Clocks differ [s].
LEEWAY_S = 60


class ProviderLoginPage(LoginHandler):  # type: ignore[misc]
    """The login page with a button instead of a form."""

    async def post(self) -> None:
        """There is nothing to send."""
        raise web.HTTPError(405, "Log in with the button.")

    def render_template(self, name: str, **values: Any) -> Any:
        """An error is an error page here."""
        return super(LoginHandler, self).render_template(name, **values)


class CallbackPage(OAuthCallbackHandler):  # type: ignore[misc]
    """Where the provider sends people back to."""

    def check_error(self) -> None:
        """Say what the provider says, which anybody could have written into the address, in our words."""
        error = self.get_argument("error", "")
        if error == "access_denied":
            raise web.HTTPError(403, "The login was broken off: nothing was passed on.")
        if error:
            self.log.warning("The provider answered %s.", ascii(error[:64]))
            raise web.HTTPError(502, "The provider could not log you in: try again in a moment.")

    def check_state(self) -> None:
        """Refuse what did not begin in this browser."""
        try:
            super().check_state()
        except (web.HTTPError, AttributeError, UnicodeError) as error:
            raise web.HTTPError(400, "This login did not begin in this browser, or took too long: begin again.") from error

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Without the address, which has the code of the provider in it."""
        if isinstance(value, web.HTTPError):
            self.log.warning("%d %s: %s", value.status_code, self.request.path, value.log_message)
        else:
            self.log.error("The login failed", exc_info=(typ, value, tb))


class LogoutPage(OAuthLogoutHandler):  # type: ignore[misc]
    """Says that one may still be logged in at the provider."""

    async def render_logout_page(self) -> None:
        """Offer to log out there too."""
        self.finish(await self.render_template("logout.html", **self.authenticator.logout_words()))


class Institution(GuardedAuthenticator, GenericOAuthenticator):  # type: ignore[misc]
    """People of a provider."""

    login_handler = GenericOAuthenticator.login_handler
    callback_handler = CallbackPage
    logout_handler = LogoutPage

    oidc = Instance(Oidc, config=True, help="The section of the settings.")
    provider = Instance(Provider, config=True, help="What the provider says of itself.")
    allowed = Set(Unicode(), config=True, help="Groups whose members may come in.")
    everybody = Bool(False, config=True, help="Whether everybody may whom the provider knows.")

    def get_handlers(self, app: Any) -> list[tuple[Any, ...]]:
        """The login page with its button, the way to the provider and back, and the page of the people."""
        return [("/login", ProviderLoginPage), ("/people", PeoplePage), *GenericOAuthenticator.get_handlers(self, app)]

    def logout_words(self) -> dict[str, str]:
        """Where one logs out at the provider."""
        if not self.provider.end_session:
            return {}
        # Without a token of the person the provider asks whether they mean it.
        address = f"{self.provider.end_session}?{urlencode({'client_id': self.client_id})}"
        return {"provider_logout": address, "provider_title": self.login_service}

    async def authenticate(self, handler: Any, data: Any = None, **_: Any) -> dict[str, Any] | None:
        """The person whom the provider has sent back."""
        if not isinstance(handler, CallbackPage):
            return None
        try:
            model: dict[str, Any] = await super().authenticate(handler, data)
        except (HTTPClientError, jwt.PyJWTError, OSError, KeyError, ValueError) as error:
            # The text of the error may have a token in it.
            self.log.error("The provider's answer cannot be used: %s", type(error).__name__)
            raise web.HTTPError(502, f"The login at {self.login_service} did not work: begin again.") from None
        await self._refuse_another(handler, model)
        return model

    def build_token_info_request_headers(self) -> dict[str, str]:
        """With the secret as RFC 6749 wants it in a header (section 2.3.1): encoded like a form first."""
        headers: dict[str, str] = super().build_token_info_request_headers()
        if self.basic_auth:
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return headers

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """What the provider says of the person: in the ID token, and when asked with the access token.

        The ID token comes straight from the provider, over TLS, so its signature may be left unchecked (OpenID Connect Core 1.0,
        section 3.1.3.7, point 6); for whom and by whom it is, and whether both speak of the same person, may not.
        """
        claims = jwt.decode(
            token_info["id_token"],
            audience=self.client_id,
            issuer=self.provider.issuer,
            leeway=LEEWAY_S,
            options={"verify_signature": False, "verify_aud": True, "verify_iss": True, "verify_exp": True, "require": ["sub"]},
        )
        asked = await super().token_to_user(token_info)
        if asked.get("sub") != claims["sub"]:
            raise ValueError("ID token and userinfo speak of different people")
        return {**claims, **asked}

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """The user name in the hub."""
        given = user_info.get(self.oidc.username_claim)
        if not isinstance(given, str) or not 0 < len(given) <= 1000:
            raise web.HTTPError(
                403, f"{self.login_service} does not tell who you are ({self.oidc.username_claim}): ask those who run this hub."
            )
        return hub_name(given)

    def build_auth_state_dict(self, token_info: dict[str, Any], user_info: dict[str, Any]) -> dict[str, Any]:
        """What is kept, without any token."""
        oidc = self.oidc
        return {
            "name": self.user_info_to_username(user_info),
            "issuer": self.provider.issuer,
            "sub": user_info["sub"],
            "groups": groups_in(user_info.get(oidc.groups_claim), oidc.group_pattern) if oidc.groups_claim else [],
            "about": {
                "name": display_in(user_info.get(oidc.name_claim)),
                "country": country_in(user_info.get(oidc.country_claim)) if oidc.country_claim else None,
            },
        }

    async def update_auth_model(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Groups, rights and what the pages show."""
        state = auth_model["auth_state"]
        return {**auth_model, **self.people.model_of(auth_model["name"], state["groups"]), "user_info": state.pop("about")}

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        """Groups by hand and of the provider."""
        return set(self.people.groups_of(auth_state["name"], auth_state["groups"]))

    def check_allowed(self, username: str, auth_model: Any = None) -> bool:
        """Whether a person may come in; if not, say so in one sentence."""
        if auth_model is not None and self._is_allowed(username, auth_model):
            return True
        raise web.HTTPError(403, self.custom_403_message)

    async def refresh_user(self, user: Any, handler: Any = None, **_: Any) -> Any:
        """Groups as they were at the last login; False if the settings no longer let the person in."""
        if asked_by_the_trial(handler):
            return True
        state = await user.get_auth_state()
        if not state or state.get("issuer") != self.provider.issuer:
            return False
        model = self.people.model_of(user.name, state["groups"])
        return {**model, "auth_state": state} if self._is_allowed(user.name, model) else False

    def _is_allowed(self, name: str, model: dict[str, Any]) -> bool:
        return self.everybody or bool(model["admin"]) or name in self.people.users or not self.allowed.isdisjoint(model["groups"])

    async def _refuse_another(self, handler: Any, model: dict[str, Any]) -> None:
        """Another person with the same name, where the claim of the name is not ``sub``: an address may be given away again."""
        user = handler.find_user(model["name"])
        if user is None or user.encrypted_auth_state is None:
            return
        known = await user.get_auth_state()
        if known is None and self.oidc.username_claim == "sub":
            # The key was lost; the name says by itself who it is.
            return
        if known is None or (known.get("issuer"), known.get("sub")) != (self.provider.issuer, model["auth_state"]["sub"]):
            self.log.warning("Somebody else at the provider has the name of %s.", model["name"])
            raise web.HTTPError(403, "This name belongs to another person here: ask those who run this hub.")


def configure_oidc(c: Config, settings: Settings) -> None:
    """Everything that the provider and the settings say.

    Raises
    ------
    SettingsError
        A setting is missing or unsafe.
    ProviderError
        The provider cannot be reached or used.
    """
    check_settings(settings)
    secret, provider, oidc = read_secret(settings), discover(settings.oidc.issuer), settings.oidc
    c.JupyterHub.authenticator_class = Institution
    named = settings.replace("login", users=named_users(settings))
    c.GuardedAuthenticator.people = People.of(named, hub_name)
    c.Institution.oidc = oidc
    c.Institution.provider = provider
    c.Institution.allowed = set(oidc.allowed_groups)
    c.Institution.everybody = oidc.allow_everybody
    c.OAuthenticator.login_service = oidc.title
    c.OAuthenticator.client_id = oidc.client_id
    c.OAuthenticator.client_secret = secret
    c.OAuthenticator.oauth_callback_url = f"{public_address(settings)}/hub/oauth_callback"
    c.OAuthenticator.authorize_url = provider.authorize
    c.OAuthenticator.token_url = provider.token
    c.OAuthenticator.userdata_url = provider.userinfo
    c.OAuthenticator.userdata_token_method = "header"  # noqa: S105
    c.OAuthenticator.basic_auth = provider.basic
    c.OAuthenticator.scope = list(oidc.scopes)
    c.OAuthenticator.enable_pkce = True
    c.OAuthenticator.validate_server_cert = True
    c.OAuthenticator.http_request_kwargs = {"connect_timeout": 10, "request_timeout": 20}
    contact = f": write to {settings.site.contact}" if settings.site.contact else ": ask those who run it to let you in"
    c.OAuthenticator.custom_403_message = (
        f"{oidc.title[:1].upper()}{oidc.title[1:]} knows you, but this hub is not open to you{contact}."
    )
    c.Authenticator.enable_auth_state = True
    c.CryptKeeper.keys = [kept_secret(StateFolder(settings.state.path).crypt_key)]
