import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { pack } from "./pack.ts";
import { slim } from "./slim.ts";

export default defineConfig({
  base: "./",
  plugins: [slim(), pack()],
  resolve: {
    alias: {
      dcmjs: fileURLToPath(new URL("./src/viewer/dcmjs.ts", import.meta.url)),
    },
  },
  test: { setupFiles: ["test/page.ts"] },
  worker: { format: "es", plugins: () => [slim()] },
  build: {
    outDir: "../src/lookalike/server/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2500,
    rolldownOptions: { input: ["index.html", "panel.html"] },
    license: { fileName: "licenses.md" }, // of what is carried along
  },
});
