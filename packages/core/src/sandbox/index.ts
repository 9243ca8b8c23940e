export { lose, recover } from './lost.ts';
export {
  createPlaces,
  isKept,
  LEFT_BY_ATTEMPTS,
  PLACE_ENDS,
  type Places,
} from './places.ts';
export { type Remover, removedUnderWork, removeFor, requestRemoval } from './removal.ts';
export { branchRef, planSandbox, type SandboxPlan } from './spec.ts';
export { isThere, THERE } from './there.ts';
