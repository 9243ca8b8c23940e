.option norvc
.set BLOCK, 0x10000000
_start:
  li a0, 3
  li a1, 2
  li a2, 1
  li a7, 25
  ecall
  ld t0, 0(sp)
  addi s0, sp, 16
  slli t1, t0, 3
  add s1, s0, t1
  li s2, 0
  li t1, 1
  bgtu t0, t1, become

  li s4, BLOCK
  li s5, 8
more:
  li a0, 3
  add a1, s4, s2
  sub a2, s5, s2
  li a7, 63
  ecall
  blez a0, quit
  add s2, s2, a0
  bltu s2, s5, more
  ld s5, 0(s4)
  bltu s2, s5, more
  li a7, 64
  jal tell
  addi s0, s4, 32
  ld s2, 8(s4)
  ld s3, 16(s4)
  ld s1, 24(s4)

become:
1: auipc a3, %pcrel_hi(uid)
  lw a0, %pcrel_lo(1b)(a3)
  mv a1, a0
  mv a2, a0
  li a7, 147
  ecall
  bnez a0, fail
  andi t0, s2, 1
  beqz t0, enter
  li a0, 0
  li a7, 57
  ecall
  li a0, -100
2: auipc a1, %pcrel_hi(null)
  addi a1, a1, %pcrel_lo(2b)
  li a2, 0
  li a7, 56
  ecall
  bnez a0, fail
enter:
  andi t0, s2, 2
  beqz t0, wait
  mv a0, s3
  li a7, 49
  ecall
  bnez a0, fail
wait:
  andi t0, s2, 4
  beqz t0, execute
  li a7, 64
  jal tell
  li a7, 63
  jal tell
  li t0, 1
  bne a0, t0, quit

execute:
  ld a0, 0(s0)
  addi a1, s0, 8
  mv a2, s1
  li a7, 221
  ecall
  li t1, -8
  bne a0, t1, fail
  ld t0, 0(s0)
  sd t0, 8(s0)
3: auipc a0, %pcrel_hi(shell)
  addi a0, a0, %pcrel_lo(3b)
  mv a1, s0
  mv a2, s1
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
quit:
  li a0, 127
  li a7, 94
  ecall

tell:
  li a0, 3
  addi a1, s4, 7
  li a2, 1
  ecall
  ret
shell: .asciz "/bin/sh"
null: .asciz "/dev/null"
.zero 2
uid:
