// Reads a JSON array of jobs on standard input, does each with npm's jose, and writes the array of results.
import * as jose from 'jose'

const decoder = new TextDecoder()
const encoder = new TextEncoder()

async function run(job) {
  const key = await jose.importJWK(job.jwk, job.alg)
  const payload = encoder.encode(job.payload ?? '')
  switch (job.do) {
    case 'sign':
      return await new jose.CompactSign(payload).setProtectedHeader({ alg: job.alg }).sign(key)
    case 'sign-unencoded':
      return await new jose.FlattenedSign(payload).setProtectedHeader({ alg: job.alg, b64: false, crit: ['b64'] }).sign(key)
    case 'sign-general':
      return await new jose.GeneralSign(payload).addSignature(key).setProtectedHeader({ alg: job.alg }).setUnprotectedHeader({ note: 1 }).sign()
    case 'sign-jwt':
      return await new jose.SignJWT(job.claims).setProtectedHeader({ alg: job.alg, typ: 'JWT' }).setIssuer('i').setAudience('a').setIssuedAt().setExpirationTime('5m').sign(key)
    case 'verify':
      return decoder.decode((await jose.compactVerify(job.token, key, { algorithms: [job.alg] })).payload)
    case 'verify-general':
      return decoder.decode((await jose.generalVerify(job.token, key, { algorithms: [job.alg] })).payload)
    case 'verify-flattened':
      return decoder.decode((await jose.flattenedVerify(job.token, key, { algorithms: [job.alg] })).payload)
    case 'verify-jwt':
      return (await jose.jwtVerify(job.token, key, { algorithms: [job.alg], issuer: 'i', audience: 'a', typ: 'JWT' })).payload
    case 'thumbprint':
      return await jose.calculateJwkThumbprint(job.jwk)
  }
  throw new Error(`unknown job ${job.do}`)
}

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const results = []
for (const job of JSON.parse(Buffer.concat(chunks).toString())) {
  try {
    results.push({ result: await run(job) })
  } catch (error) {
    results.push({ error: `${error.code ?? error.name}: ${error.message}` })
  }
}
console.log(JSON.stringify(results))
