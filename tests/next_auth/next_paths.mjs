// Lets Node find what next-auth 5 imports from Next.js, whose package says no more than Next's own bundler needs.

import { register } from "node:module";

const hooks = `export const resolve = (name, context, next) =>
  next(/^next\\/(headers|navigation|server)$/.test(name) ? name + ".js" : name, context);`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);
