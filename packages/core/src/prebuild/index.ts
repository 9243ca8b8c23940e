export { setupChanges, setupLines } from './changes.ts';
export { setupInputHash } from './inputs.ts';
export { keptOfSetup } from './kept.ts';
export { type FilesByRepository, planSetup } from './plan.ts';
