"""Operations that hold programs: call, cond, scan, while_loop, custom rules, checkpoint."""
