// A certified OpenID Connect provider for the tests: node provider.js PORT FILE, with the client and the people in the JSON file.
import { readFileSync } from "node:fs";
import { Provider } from "oidc-provider";

const [port, file] = process.argv.slice(2);
const read = () => JSON.parse(readFileSync(file, "utf8"));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [read().client],
  claims: { openid: ["sub", "eduperson_entitlement", "schac_home_organization"], profile: ["name"], email: ["email"] },
  // Read at every login, so that a test can change the groups of somebody.
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...read().people[id] }) }),
  pkce: { required: () => true },
  cookies: { keys: ["only for tests"] },
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
