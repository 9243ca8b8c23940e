import { notifierLaws } from '../../../testing/laws/notifier.ts';
import { createLocalNotifier } from './notifier.ts';

notifierLaws('within one process', async () => {
  const notifier = createLocalNotifier();
  return { here: notifier, there: notifier, close: async () => undefined };
});
