// What next-auth of either version keeps of people who don't sign in by a password: an adapter in memory, in which KNOWN
// names the addresses that have a user; a provider that sends links into ``letters``; and the providers of PROVIDERS,
// which is JSON: {id, name, issuer, clientId, clientSecret} of each.

export const letters = [];

export function makeAdapter() {
  const users = process.env.KNOWN.split(" ").map((email) => ({ id: email, email, name: "Known", emailVerified: null }));
  const accounts = [];
  const tokens = new Map();
  const find = (wanted) => users.find(wanted) ?? null;
  return {
    createUser: (user) => users[users.push({ ...user, id: crypto.randomUUID() }) - 1],
    getUser: (id) => find((user) => user.id === id),
    getUserByEmail: (email) => find((user) => user.email === email),
    getUserByAccount({ provider, providerAccountId }) {
      const account = accounts.find((one) => one.provider === provider && one.providerAccountId === providerAccountId);
      return account ? find((user) => user.id === account.userId) : null;
    },
    updateUser: (changed) => Object.assign(find((user) => user.id === changed.id), changed),
    linkAccount: (account) => void accounts.push(account),
    createVerificationToken: (made) => void tokens.set(made.token, made),
    useVerificationToken({ token }) {
      const found = tokens.get(token) ?? null;
      tokens.delete(token);
      return found;
    },
  };
}

export const email = {
  id: "email",
  type: "email",
  name: "Email",
  maxAge: 600,
  sendVerificationRequest: ({ url }) => void letters.push(url),
  options: {},
};

export const elsewhere = JSON.parse(process.env.PROVIDERS).map(({ issuer, ...about }) => ({
  ...about,
  issuer,
  wellKnown: `${issuer}/.well-known/openid-configuration`,
  authorization: { params: { scope: "openid email profile" } },
  checks: ["pkce", "state", "nonce"],
  profile: ({ sub, name, email }) => ({ id: sub, name, email }),
}));
