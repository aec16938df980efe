// Orders in Express: Gatepost's access tokens, verified by express-jwt with jwks-rsa. Start: node express_jwt.mjs
import express from 'express'
import { expressjwt } from 'express-jwt'
import jwksRsa from 'jwks-rsa'

const { ISSUER, AUDIENCE, JWKS_URL, JWKS_SECONDS = '300', PORT = '8003' } = process.env
const app = express()

app.use(
  expressjwt({
    secret: jwksRsa.expressJwtSecret({
      jwksUri: JWKS_URL,
      cacheMaxAge: JWKS_SECONDS * 1000,
      cacheMaxAgeFallback: 3_600_000, // the known key goes on counting while new ones can't be fetched
      timeout: 5000,
    }),
    algorithms: ['ES256'],
    issuer: ISSUER,
    audience: AUDIENCE,
    // Asked last: express-jwt looks neither at the type nor whether there is an end.
    isRevoked: (request, { header, payload }) => header.typ !== 'at+jwt' || !payload.exp || !payload.sub,
  }),
)

// Before the routes, so that it answers what goes wrong above, and not what goes wrong in them.
app.use((error, request, response, next) => {
  if (error.name !== 'UnauthorizedError') return response.sendStatus(503) // the keys could not be fetched
  response.set('WWW-Authenticate', 'Bearer').sendStatus(401)
})

app.get('/orders', (request, response) => response.json({ user: request.auth.sub }))

app.get('/refunds', (request, response) => {
  const { sub, roles = [], auth_time = 0 } = request.auth
  if (!roles.includes('admin') || auth_time < Date.now() / 1000 - 900) return response.sendStatus(403)
  response.json({ user: sub })
})

app.listen(Number(PORT), '127.0.0.1')
