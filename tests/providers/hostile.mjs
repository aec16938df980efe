// A provider that says what it must not: oauth2-mock-server, which lets each of its answers be changed.
// Questions: {"say": {...}} changes all answers from now on, until the next such question; each is answered with its port.
//   claims, drop: of the ID token, before it is signed; header: what is added to its header
//   forge: how the signed ID token is changed: see FORGERIES; token, userinfo, metadata: members of those answers
//   rotate: another key; status: of the token endpoint's answer

import { createHmac, createPublicKey, createSign, generateKeyPairSync } from "node:crypto";
import { answerLines } from "../next_auth/lines.mjs";
import { OAuth2Server } from "oauth2-mock-server";

const server = new OAuth2Server();
await server.issuer.keys.generate("RS256", { kid: "first" });
await server.start(Number(process.env.PORT), "127.0.0.1");
server.issuer.url = process.env.ISSUER || `http://127.0.0.1:${process.env.PORT}`;
let say = {};
let seen;

const encode = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });

function signBy(key, header, payload) {
  const signed = `${encode(header)}.${payload}`;
  return `${signed}.${createSign("RSA-SHA256").update(signed).sign(key).toString("base64url")}`;
}

function hmac(secret, header, payload) {
  const signed = `${encode(header)}.${payload}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

function publicPem() {
  const [jwk] = server.issuer.keys.toJSON();
  return createPublicKey({ key: jwk, format: "jwk" }).export({ type: "spki", format: "pem" });
}

const FORGERIES = {
  missing: () => undefined,
  none: (header, payload) => `${encode({ ...header, alg: "none" })}.${payload}.`,
  "none, signed": (header, payload, signature) => `${encode({ ...header, alg: "none" })}.${payload}.${signature}`,
  "HS256 by the public key": (header, payload) => hmac(publicPem(), { ...header, alg: "HS256" }, payload),
  "HS256 by the client's secret": (header, payload) => hmac(process.env.CLIENT_SECRET, { ...header, alg: "HS256" }, payload),
  "by a foreign key": (header, payload) => signBy(other.privateKey, header, payload),
  "by a key that it brings along": (header, payload) =>
    signBy(other.privateKey, { ...header, kid: undefined, jwk: other.publicKey.export({ format: "jwk" }) }, payload),
  "by a key of an unknown name": (header, payload) => signBy(other.privateKey, { ...header, kid: "unknown" }, payload),
  "changed after signing": (header, payload, signature) =>
    `${encode(header)}.${encode({ ...JSON.parse(Buffer.from(payload, "base64url")), email: "root@example.com" })}.${signature}`,
  "with a cut signature": (header, payload, signature) => `${encode(header)}.${payload}.${signature.slice(0, -6)}`,
  "no token": () => "nothing of the kind",
};

server.service.on("beforeTokenSigning", (token) => {
  if ("scope" in token.payload) return; // the access token
  Object.assign(token.payload, say.claims);
  for (const name of say.drop ?? []) delete token.payload[name];
  Object.assign(token.header, say.header);
});

server.service.on("beforeResponse", (answer) => {
  const { id_token } = answer.body;
  if (say.forge) {
    const [header, payload, signature] = id_token.split(".");
    answer.body.id_token = FORGERIES[say.forge](JSON.parse(Buffer.from(header, "base64url")), payload, signature);
  }
  seen = answer.body;
  Object.assign(answer.body, say.token);
  if (say.status) answer.statusCode = say.status;
});

server.service.on("beforeUserinfo", (answer) => Object.assign(answer.body, say.userinfo));

await answerLines(async (question) => {
  if (question.say) say = question.say;
  if (question.rotate) await server.issuer.keys.generate("RS256", { kid: question.rotate });
  return { port: server.address().port, seen };
});
process.exit();
