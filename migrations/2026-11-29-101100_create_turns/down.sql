DROP FUNCTION millrace.mend_turns, millrace.join_turns, millrace.take_turn, millrace.hold_turn, millrace.end_turn, millrace.end_turns, millrace.answer_turns,
    millrace.give_turns, millrace.lock_enqueueing, millrace.lock_lanes, millrace.turn_lane;
