/** Preloaded into a daemon: to it, the kernel is one before Linux 6.9, which knows no tables that keep their owner's will. */
import { EOPNOTSUPP } from '../../src/linux/errno.ts';
import { OperationError } from '../../src/linux/errors.ts';
import { ownTable } from '../../src/linux/nftables/request.ts';
import { NftablesSocket } from '../../src/linux/nftables/socket.ts';

const { commit } = NftablesSocket.prototype;
NftablesSocket.prototype.commit = function (requests) {
  const unknown = requests.find(({ operation }) => operation === ownTable);
  if (unknown !== undefined) throw new OperationError({ ...unknown, errno: EOPNOTSUPP });
  commit.call(this, requests);
};
