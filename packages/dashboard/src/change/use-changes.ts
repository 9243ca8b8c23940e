import { firstRows } from '../live/rows.ts';
import { ofNouns, useLive } from '../live/use-live.ts';

const MAX_CHANGES = 100;

/** Every round makes a change; the newest comes first. */
export const useChanges = (taskId: string) =>
  useLive({
    key: taskId,
    read: (client, signal) =>
      firstRows(MAX_CHANGES, (page) => client.changes.list({ ...page, taskId }, { signal })),
    concerns: ofNouns('change', 'task'),
  });
