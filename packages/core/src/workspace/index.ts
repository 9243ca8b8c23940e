export { type FilesByRepository, planSetup } from './plan-setup.ts';
export { setupInputHash } from './setup-inputs.ts';
