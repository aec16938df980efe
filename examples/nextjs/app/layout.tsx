import type { ReactNode } from "react";
import { Header } from "./header";
import { Providers } from "./providers";
import "./style.css";

export const metadata = { title: "Gatepost with Next.js" };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <Providers>
          <Header />
          {children}
        </Providers>
      </body>
    </html>
  );
}
