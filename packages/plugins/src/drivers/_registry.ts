export const drivers = {
  host: () => import('./host/index.ts'),
  memory: () => import('./memory.ts'),
  oci: () => import('./oci/index.ts'),
} as const;
