export { advanceTargets, type Landing, withdrawTargets } from './advance.ts';
export { changeRef, dropRef, type MergedPart, mergeParts, revertRef, targetRef } from './merge.ts';
