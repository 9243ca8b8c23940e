export {
  ATTEMPT_PLACE_TOPIC,
  createPlaces,
  isKept,
  isThere,
  LEFT_BY_ATTEMPTS,
  PLACE_ENDS,
  PLACE_TOPIC,
  THERE,
} from './places.ts';
export { lose, type Remover, recover, removedUnderWork, removeFor, requestRemoval } from './removal.ts';
export { branchRef, planSandbox, readRefsOf, type SandboxPlan, targetRefs } from './spec.ts';
