/** Fields of every record, and how lists are paged. */
import { z } from 'zod';

/** Milliseconds since 1970-01-01 UTC. */
export const Instant = z.int().min(0).meta({ id: 'Instant' });

export const recordFields = {
  /** Grows by one with every write. */
  revision: z.int().min(1),
  createdAt: Instant,
  updatedAt: Instant,
};

export const pageQuery = {
  /** The `next` of the previous page. */
  after: z
    .string()
    .regex(/^[a-z]{2}_[0-9a-hjkmnp-tv-z]{20}$/, 'must be the "next" of the previous page')
    .optional(),
  /** At most 200; 50 when absent. */
  limit: z.coerce.number().int().min(1).max(200).optional(),
};

export const pageOf = <T extends z.ZodType>(row: T) =>
  z.object({ rows: z.array(row), next: z.string().optional() });

export interface Page<T> {
  readonly rows: readonly T[];
  readonly next?: string | undefined;
}
