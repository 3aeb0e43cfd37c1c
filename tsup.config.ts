import { defineConfig } from 'tsup';

/** Every package builds the same way: each source file becomes one ES module for Node 20. Types come from tsc. */
export default defineConfig({
  entry: ['src/**/*.{ts,js}'],
  format: 'esm',
  target: 'node20',
  bundle: false,
  sourcemap: true,
  clean: true,
  silent: true,
});
