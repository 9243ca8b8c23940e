export { workspaceOf } from './find.ts';
export { gateIssues } from './gate-issues.ts';
export { keptOfSetup } from './kept-of-setup.ts';
export { type FilesByRepository, planSetup } from './plan-setup.ts';
export { setupChanges, setupLines } from './setup-change.ts';
export { setupInputHash } from './setup-inputs.ts';
