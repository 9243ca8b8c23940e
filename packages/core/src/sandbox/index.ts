export { createPlaces, type Places } from './places.ts';
export { askRemoval } from './removal.ts';
export { branchRef, planSandbox, type SandboxPlan } from './spec.ts';
