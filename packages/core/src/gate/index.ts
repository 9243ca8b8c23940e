export { gateInputHash, planGate, readForGate } from './plan.ts';
export { failedIn, runGate } from './run.ts';
