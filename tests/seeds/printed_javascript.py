"""Seed 002's JavaScript for npm's jose as ES modules: keys, signing and verifying apart, put together by its test."""

from typing import Final

HS256_KEY: Final = """
import { SignJWT, jwtVerify } from 'jose'
const secret = new TextEncoder().encode(process.env.JWT_SECRET)
"""
HS256_SIGN: Final = """
const token = await new SignJWT({ sub: 'user_123', role: 'admin' })
  .setProtectedHeader({ alg: 'HS256' })
  .setIssuedAt()
  .setExpirationTime('1h')
  .setIssuer('https://api.example.com')
  .setAudience('https://app.example.com')
  .sign(secret)
"""
HS256_VERIFY: Final = """
const { payload } = await jwtVerify(token, secret, {
  algorithms: ['HS256'],
  issuer: 'https://api.example.com',
  audience: 'https://app.example.com',
})
"""
RS256_KEYS: Final = """
import { SignJWT, jwtVerify, importPKCS8, importSPKI } from 'jose'
import fs from 'fs'
const privateKey = await importPKCS8(fs.readFileSync('./private-key.pem', 'utf-8'), 'RS256')
const publicKey = await importSPKI(fs.readFileSync('./public-key.pem', 'utf-8'), 'RS256')
"""
RS256_SIGN: Final = """
const token = await new SignJWT({ sub: 'user_123' })
  .setProtectedHeader({ alg: 'RS256', kid: 'rsa-key-2026-01' })
  .setIssuedAt()
  .setExpirationTime('15m')
  .sign(privateKey)
"""
RS256_VERIFY: Final = """
const { payload } = await jwtVerify(token, publicKey, { algorithms: ['RS256'] })
"""
EDDSA_KEYS: Final = """
import { SignJWT, jwtVerify, generateKeyPair, CompactSign, compactVerify, exportJWK, importJWK } from 'jose'
const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
const key = await exportJWK(publicKey)
"""
EDDSA_SIGN: Final = """
const token = await new SignJWT({ sub: 'user_123', scope: 'read write' })
  .setProtectedHeader({ alg: 'EdDSA', kid: 'ed25519-key-1' })
  .setIssuedAt()
  .setExpirationTime('1h')
  .sign(privateKey)
"""
EDDSA_VERIFY: Final = """
const { payload } = await jwtVerify(token, publicKey, { algorithms: ['EdDSA'] })
"""
EVENT_SIGN: Final = """
const data = new TextEncoder().encode(JSON.stringify({ event: 'order.created', id: 'ord_42' }))
const jws = await new CompactSign(data).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey)
"""
EVENT_VERIFY: Final = """
const { payload: rawBytes } = await compactVerify(jws, publicKey, { algorithms: ['EdDSA'] })
const event = JSON.parse(new TextDecoder().decode(rawBytes))
"""
ORDER_KEYS: Final = """
import { GeneralSign, generalVerify, FlattenedSign, flattenedVerify, importJWK } from 'jose'
const financePrivateKey = await importJWK(finance, 'ES256')
const financePublicKey = await importJWK(financeHalf, 'ES256')
const legalPrivateKey = await importJWK(legal, 'RS256')
"""
ORDER_SIGN: Final = """
const payload = new TextEncoder().encode(JSON.stringify({ orderId: 'ord_42', amount: 100 }))
const jws = await new GeneralSign(payload)
  .addSignature(financePrivateKey)
  .setProtectedHeader({ alg: 'ES256', kid: 'key-1' })
  .setUnprotectedHeader({ department: 'finance' })
  .addSignature(legalPrivateKey)
  .setProtectedHeader({ alg: 'RS256', kid: 'key-2' })
  .setUnprotectedHeader({ department: 'legal' })
  .sign()
"""
ORDER_VERIFY: Final = """
const { payload: rawBytes, protectedHeader } = await generalVerify(jws, financePublicKey, { algorithms: ['ES256'] })
console.log(JSON.stringify({ jws, text: new TextDecoder().decode(rawBytes), protectedHeader }))
"""
UNSAFE: Final = """
import { createHmac } from 'crypto'
function verifyUnsafe(token, keyOrSecret) {
  const [header, payload, signature] = token.split('.')
  const { alg } = JSON.parse(atob(header))
  if (alg === 'none') return JSON.parse(atob(payload))
  const made = createHmac('sha256', keyOrSecret).update(`${header}.${payload}`).digest('base64url')
  if (alg === 'HS256' && made === signature) return JSON.parse(atob(payload))
  return null
}
const pem = fs.readFileSync('./public-key.pem', 'utf-8')
"""
LOCAL: Final = """
import { createLocalJWKSet, jwtVerify } from 'jose'
const jwks = createLocalJWKSet({ keys })
"""
REMOTE: Final = """
import { createServer } from 'http'
import { createRemoteJWKSet, jwtVerify } from 'jose'
const server = createServer((request, response) => response.end(JSON.stringify(pages[request.url])))
await new Promise(ready => server.listen(0, '127.0.0.1', ready))
const JWKS = createRemoteJWKSet(new URL(`http://127.0.0.1:${server.address().port}${path}`))
server.unref()
"""
TOKEN_AND_PAYLOAD: Final = "console.log(JSON.stringify({ token, payload }))"

OUR_KEY: Final = (
    "import { jwtVerify, compactVerify, importJWK } from 'jose'\nconst publicKey = await importJWK(ours, 'EdDSA')"
)
