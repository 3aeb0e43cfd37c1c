/** Why a target is missed, as far as it is known: part of the work's name, the rival, the reason. */
export const reasons = [
  {
    work: '4 processes: factory calls',
    rival: /./,
    why: 'there is no lock across processes yet: each process runs the factory once',
  },
];
