/** Numbers of the netlink protocol itself (`linux/netlink.h`). Hosts Node runs on are little-endian, and so is netlink. */

export const netlinkRoute = 0;
export const netlinkSockDiag = 4;
export const netlinkNetfilter = 12;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
/** For a GET: everything. */
export const NLM_F_DUMP = 0x300;
/** For a NEW: what exists is replaced, is an error, is made when missing, goes to the end. */
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

/** In answers: the dump changed under the reader; the error quotes only the header; the error carries attributes. */
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
/** Types below this are netlink's own. */
export const NLMSG_MIN_TYPE = 16;
export const messageHeaderLength = 16;

export const NLMSGERR_ATTR_MSG = 1;

export const NLA_F_NESTED = 0x8000;
/** Without the two flag bits. */
export const NLA_TYPE_MASK = 0x3fff;
