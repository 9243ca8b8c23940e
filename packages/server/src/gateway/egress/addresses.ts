/**
 * Addresses that a public name has no reason to resolve to: this machine, its networks, cloud metadata, and
 * everything reserved in the IANA registries (RFC 6890 and its updates). IPv6 forms that embed an IPv4 address are
 * refused altogether.
 */
import { BlockList, isIP } from 'node:net';

const RESERVED_4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // A cloud metadata service at a public address.
  '168.63.129.16/32',
];
/** Within the allocated IPv6 range (2000::/3). */
const RESERVED_6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const listOf = (ranges: readonly string[], family: 'ipv4' | 'ipv6'): BlockList => {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits = ''] = range.split('/');
    list.addSubnet(address, Number(bits), family);
  }
  return list;
};

const reserved4 = listOf(RESERVED_4, 'ipv4');
const reserved6 = listOf(RESERVED_6, 'ipv6');
const given6 = listOf(['2000::/3'], 'ipv6');

/** Whether a textual address belongs to the public internet. */
export const isPublicAddress = (address: string): boolean => {
  switch (isIP(address)) {
    case 4:
      return !reserved4.check(address, 'ipv4');
    case 6:
      return given6.check(address, 'ipv6') && !reserved6.check(address, 'ipv6');
    default:
      return false;
  }
};
