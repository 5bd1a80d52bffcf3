//! What services are made of besides servers and static supervisors: one file per concept.
