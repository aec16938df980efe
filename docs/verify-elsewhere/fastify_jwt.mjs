// Orders in Fastify: Gatepost's access tokens, verified by @fastify/jwt, keys from jose. Start: node fastify_jwt.mjs
import { KeyObject } from 'node:crypto'
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import { createRemoteJWKSet } from 'jose'

const { ISSUER, AUDIENCE, JWKS_URL, JWKS_SECONDS = '300', PORT = '8003' } = process.env
const milliseconds = JWKS_SECONDS * 1000
const keys = createRemoteJWKSet(new URL(JWKS_URL), {
  cacheMaxAge: milliseconds,
  cooldownDuration: Math.min(milliseconds, 30_000),
})
const app = Fastify()

app.register(fastifyJwt, {
  decode: { complete: true },
  secret: async (request, { header }) =>
    KeyObject.from(await keys({ alg: 'ES256', kid: header.kid })).export({ format: 'pem', type: 'spki' }),
  verify: {
    algorithms: ['ES256'],
    allowedIss: ISSUER,
    allowedAud: AUDIENCE,
    checkTyp: 'at+jwt',
    requiredClaims: ['exp', 'iss', 'aud', 'sub'], // without these, a claim that is missing is not checked
  },
})

app.addHook('onRequest', async (request, reply) => {
  try {
    await request.jwtVerify()
  } catch (error) {
    // Anything else: the keys could not be fetched.
    const isRefusal = /^(FST_JWT|FAST_JWT|ERR_JWKS_(NO|MULTIPLE)_MATCHING)/.test(error.code)
    if (isRefusal) reply.header('WWW-Authenticate', 'Bearer')
    return reply.code(isRefusal ? 401 : 503).send()
  }
})

app.get('/orders', (request) => ({ user: request.user.sub }))

app.get('/refunds', (request, reply) => {
  const { sub, roles = [], auth_time = 0 } = request.user
  if (!roles.includes('admin') || auth_time < Date.now() / 1000 - 900) return reply.code(403).send()
  return { user: sub }
})

await app.listen({ host: '127.0.0.1', port: Number(PORT) })
