export { gateInputHash, planGate, readForGate } from './plan.ts';
export { failedIn, missingTools, runGate } from './run.ts';
