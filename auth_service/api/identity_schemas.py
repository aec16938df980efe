"""The bodies of the auth service's API that are about identities at other providers."""

from shared.web.schemas import Time, View, example


class IdentityView(View):
    """An identity of the caller at another provider, with the address that it gave last."""

    model_config = example(
        provider="google",
        name="Google",
        email="ada@example.com",
        linkedAt="2026-11-24T11:03:34Z",
        lastUsedAt="2026-11-25T08:00:00Z",
    )

    provider: str
    name: str
    email: str | None
    linked_at: Time
    last_used_at: Time
