import { driverConformance } from '@berth/plugin-api/conformance';
import oci from '../../../src/drivers/oci/index.ts';
import { driverHost } from '../../../testing/driver-host.ts';
import { damageRecord, killContainer } from '../../../testing/kill-machine.ts';

// Root's home is closed to the users that sandboxes run as, so the folder is, too.
driverConformance(oci, {
  config: {},
  host: () => driverHost({ mode: 0o700 }),
  kill: killContainer,
  damage: damageRecord,
  // Of root, and of a user with a range of ids (rootless.test.ts). With a single one: isolation.test.ts.
  saysVerdict: false,
});
