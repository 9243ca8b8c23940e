export { detectCommands, GATE_MARKERS } from './detect.ts';
export type { RepositoryFiles } from './files.ts';
export { LOG_TAIL_MAX_BYTES, tailOf, tailOfBoth } from './log-tail.ts';
export { type GatePlan, gateInputHash, type PlannedCommand, planGate, readForGate } from './plan.ts';
export { failedIn, isGreen, runGate } from './run.ts';
