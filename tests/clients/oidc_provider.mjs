// An OpenID provider for the journeys: oidc-provider with its own pages. What it says of people stands in a file.
import { readFileSync } from "node:fs";
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const { ISSUER, CLIENT, SECRET, CALLBACK, LOGOUT, SIGNED_OUT, PEOPLE } = process.env;
const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
const claims = { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] };

const provider = new Provider(ISSUER, {
  clients: [{
    client_id: CLIENT, client_secret: SECRET, redirect_uris: [CALLBACK], post_logout_redirect_uris: [SIGNED_OUT],
    backchannel_logout_uri: LOGOUT, backchannel_logout_session_required: true,
  }],
  claims,
  cookies: { keys: ["one of a test"] },
  jwks: { keys: [{ ...key, use: "sig", alg: "RS256", kid: `k-${Date.now()}` }] },
  features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }), // or it calls no client on loopback
  findAccount: async (ctx, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, ...JSON.parse(readFileSync(PEOPLE, "utf8"))[id] }),
  }),
});
provider.on("server_error", (ctx, error) => console.error("server_error", error));
provider.on("backchannel.error", (ctx, error) => console.error("backchannel.error", error));
const url = new URL(ISSUER);
provider.listen(Number(url.port), url.hostname, () => console.log("ready"));
