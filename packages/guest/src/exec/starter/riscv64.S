.option norvc
_start:
  li a0, 3
  li a1, 2
  li a2, 1
  li a7, 25
  ecall
1: auipc a3, %pcrel_hi(uid)
  lw a0, %pcrel_lo(1b)(a3)
  mv a1, a0
  mv a2, a0
  li a7, 147
  ecall
  bnez a0, fail
  ld t0, 0(sp)
  ld a0, 16(sp)
  addi a1, sp, 24
  slli t0, t0, 3
  addi a2, sp, 16
  add a2, a2, t0
  li a7, 221
  ecall
  li t1, -8
  bne a0, t1, fail
  ld t0, 16(sp)
  sd t0, 24(sp)
2: auipc a0, %pcrel_hi(shell)
  addi a0, a0, %pcrel_lo(2b)
  addi a1, sp, 16
  li a7, 221
  ecall
fail:
  neg a0, a0
  addi sp, sp, -16
  sd a0, 0(sp)
  li a0, 3
  mv a1, sp
  li a2, 1
  li a7, 64
  ecall
  li a0, 127
  li a7, 94
  ecall
shell: .asciz "/bin/sh"
uid:
