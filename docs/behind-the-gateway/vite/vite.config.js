import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The host is whatever the gateway lets pass.
export default defineConfig({ plugins: [react()], preview: { allowedHosts: true } });
