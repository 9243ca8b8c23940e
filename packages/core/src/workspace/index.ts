export { setupInputHash } from './setup-inputs.ts';
