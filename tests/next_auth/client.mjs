// A browser without a screen (happy-dom: its own fetch, cookies and origin) in which the published next-auth/react runs,
// of the version that PACKAGE names.
// Reads {"call": "signIn", "with": [...]}, one a line, and answers what the function returns.
// "update" is no export: it is what useSession() gives to a component, so one is rendered for it.

import { GlobalRegistrator } from "@happy-dom/global-registrator";
import { answerLines } from "./lines.mjs";

GlobalRegistrator.register({ url: process.env.PAGE_URL });
globalThis.BroadcastChannel = undefined; // Node's would keep the process from ending

const React = (await import("react")).default;
const { createRoot } = await import("react-dom/client");
const nextAuth = await import(`${process.env.PACKAGE}/react`);

async function update(changes) {
  const root = createRoot(document.createElement("div"));
  const session = await new Promise((resolve) => {
    function Shown() {
      const found = nextAuth.useSession();
      React.useEffect(() => {
        if (found.status === "authenticated") resolve(found);
      }, [found.status]);
      return null;
    }
    root.render(React.createElement(nextAuth.SessionProvider, null, React.createElement(Shown)));
  });
  try {
    return await session.update(changes);
  } finally {
    root.unmount();
  }
}

const calls = { ...nextAuth, update };
await answerLines(({ call, with: values = [] }) => calls[call](...values));
process.exit();
