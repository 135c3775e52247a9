export { defineConfig } from './config/config.ts'
export type { PlinthConfig } from './config/config.ts'
