export { lose, recover } from './lost.ts';
export { createPlaces, PLACE_ENDS, type Places } from './places.ts';
export { requestRemoval } from './removal.ts';
export { branchRef, planSandbox, type SandboxPlan } from './spec.ts';
export { isThere, THERE } from './there.ts';
