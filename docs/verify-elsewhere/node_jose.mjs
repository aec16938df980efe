// Orders in Node's own server: Gatepost's access tokens, verified by jose. Start: node node_jose.mjs
import { createServer } from 'node:http'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

const { ISSUER, AUDIENCE, JWKS_URL, JWKS_SECONDS = '300', PORT = '8003' } = process.env
const milliseconds = JWKS_SECONDS * 1000
const keys = createRemoteJWKSet(new URL(JWKS_URL), {
  cacheMaxAge: milliseconds,
  cooldownDuration: Math.min(milliseconds, 30_000),
})
const expected = {
  algorithms: ['ES256'],
  issuer: ISSUER,
  audience: AUDIENCE,
  typ: 'at+jwt',
  requiredClaims: ['exp', 'sub'],
}

function answer(path, { sub, roles = [], auth_time = 0 }) {
  if (path === '/orders') return [200, { user: sub }]
  if (path !== '/refunds') return [404]
  return roles.includes('admin') && auth_time >= Date.now() / 1000 - 900 ? [200, { user: sub }] : [403]
}

createServer(async (request, response) => {
  let status, body
  try {
    const [, token = ''] = /^bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? []
    const { payload } = await jwtVerify(token, keys, expected)
    ;[status, body] = answer(request.url, payload)
  } catch (error) {
    // Anything else: the keys could not be fetched.
    const isRefusal = /^ERR_(JWT|JWS|JOSE_ALG|JOSE_NOT_SUPPORTED|JWKS_(NO|MULTIPLE)_MATCHING)/.test(error.code)
    status = isRefusal ? 401 : 503
  }
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer')
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify(body))
}).listen(Number(PORT), '127.0.0.1')
