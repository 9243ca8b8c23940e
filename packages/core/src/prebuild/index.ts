export { egressOfChange, runsOwnCode, setupChanges, setupLines, type WorkEgress } from './changes.ts';
export { setupInputHash } from './inputs.ts';
export { keptOfSetup } from './kept.ts';
export { type FilesByRepository, planSetup } from './plan.ts';
