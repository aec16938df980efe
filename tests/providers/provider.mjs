// A provider as one would run it: oidc-provider, certified for OpenID Connect. Whoever types a name there is that person.
// Questions: {"person": {...}} tells their claims, {"rotate": true} gives it other keys, {} does nothing; each is
// answered with its port. Codes and sessions live as long as the process.

import { createServer } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import { answerLines } from "../next_auth/lines.mjs";
import { Provider } from "oidc-provider";

const port = Number(process.env.PORT);
const issuer = process.env.ISSUER || `http://127.0.0.1:${port}`;
const algorithm = process.env.ALGORITHM || "RS256";
const kinds = { RS256: ["rsa", { modulusLength: 2048 }], PS256: ["rsa", { modulusLength: 2048 }], ES256: ["ec", { namedCurve: "P-256" }], EdDSA: ["ed25519", {}], Ed25519: ["ed25519", {}] };
const people = new Map();
let rotations = 0;

function makeKey() {
  const { privateKey } = generateKeyPairSync(...kinds[algorithm]);
  return { ...privateKey.export({ format: "jwk" }), alg: algorithm, use: "sig", kid: `key-${++rotations}` };
}

function build() {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "gatepost",
        client_secret: process.env.CLIENT_SECRET,
        redirect_uris: process.env.REDIRECT_URIS.split(" "),
        id_token_signed_response_alg: algorithm,
        token_endpoint_auth_method: process.env.AUTH_METHOD || "client_secret_basic",
      },
    ],
    claims: { email: ["email", "email_verified"], profile: ["name"], openid: ["sub"] },
    cookies: { keys: ["not a secret"] },
    enabledJWA: { idTokenSigningAlgValues: [algorithm] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people.get(sub) }) }),
    jwks: { keys: [makeKey()] },
    async loadExistingGrant(ctx) {
      const { client, session, provider } = ctx.oidc;
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
    pkce: { required: () => true },
    ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 600, IdToken: 60, Interaction: 600, Session: 600 },
  });
  provider.on("server_error", (_, error) => process.stderr.write(`${error.stack}\n`));
  return provider.callback();
}

let answer = build();
const server = createServer((request, response) => answer(request, response));
await new Promise((resolve) => server.listen(port, process.env.HOST || "127.0.0.1", resolve));

await answerLines(({ person, rotate }) => {
  if (person) people.set(person.sub, person);
  if (rotate) answer = build();
  return server.address().port;
});
process.exit();
