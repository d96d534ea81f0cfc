// The other authorization server of `make bench`: npm's oidc-provider with everything in memory and opaque tokens.
// PORT, CLIENT_JWKS (a file with the client's public keys), RESOURCE (the one that it may ask for) come from the environment.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Provider } from "oidc-provider";

const { PORT, CLIENT_JWKS, RESOURCE } = process.env;
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  clients: [
    {
      client_id: "bench",
      grant_types: ["client_credentials"],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "ES256",
      jwks: JSON.parse(readFileSync(CLIENT_JWKS, "utf8")),
      id_token_signed_response_alg: "ES256", // the only key there is
      scope: "sign",
    },
  ],
  scopes: ["sign"],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig", kid: "bench" }] },
  cookies: { keys: [randomBytes(24).toString("hex")] },
  ttl: { ClientCredentials: 600 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => {
        if (resource !== RESOURCE) throw new Error("another resource");
        return { scope: "sign", audience: resource, accessTokenFormat: "opaque", accessTokenTTL: 600 };
      },
    },
  },
});
provider.on("server_error", (_context, error) => console.error(error));
provider.on("grant.error", (_context, error) => console.error(error.message, error.error_description, error.error_detail));
provider.listen(Number(PORT), "127.0.0.1");
process.stdin.on("end", () => process.exit()).resume(); // it ends with who started it
